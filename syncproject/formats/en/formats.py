"""Times with seconds and zone, the year first, to compare the times of two versions."""

DATETIME_FORMAT = "Y-m-d H:i:s T"
DATE_FORMAT = "Y-m-d"
TIME_FORMAT = "H:i:s"
SHORT_DATETIME_FORMAT = DATETIME_FORMAT
