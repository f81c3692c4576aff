"""What an application's URI asks for does not weaken what sync relies on."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from pymongo import ReadPreference
from pymongo.common import URI_OPTIONS_VALIDATOR_MAP
from pymongo.errors import ConfigurationError

from syncapp.embedded.mongod import Mongod
from syncapp.mongo.change_stream import ChangeStream
from syncapp.mongo.connect import ENFORCED, LEAST_POOL, connect
from syncapp.mongo.transaction import transaction

# Given by `connect` itself, or looked at there
OURS = {"appname", "sockettimeoutms", "maxpoolsize", "loadbalanced"}
# Who is reached, as whom, and how bytes travel; how often it is looked who is there; nothing that is read or written
# depends on these
KEPT = {
    "authmechanism", "authmechanismproperties", "authsource", "compressors", "connect", "directconnection", "driver",
    "enableoverloadretargeting", "fsync", "heartbeatfrequencyms", "journal", "localthresholdms", "maxadaptiveretries",
    "maxconnecting", "maxidletimems", "minpoolsize", "replicaset", "server_api", "servermonitoringmode",
    "srvallowedhostssuffix", "srvmaxhosts", "srvservicename", "ssl", "tls", "tlsallowinvalidcertificates",
    "tlsallowinvalidhostnames", "tlscafile", "tlscertificatekeyfile", "tlscertificatekeyfilepassword", "tlscrlfile",
    "tlsdisableocspendpointcheck", "tlsinsecure", "waitqueuemultiple", "zlibcompressionlevel",
}  # fmt: skip
HARMFUL = [
    "readPreference=secondaryPreferred",
    "readPreference=secondary&readPreferenceTags=dc:ny&readPreferenceTags=&maxStalenessSeconds=120",
    "readPreference=nearest",
    "readConcernLevel=available",
    "w=0",
    "w=1&journal=true&wtimeoutMS=1",
    "w=0&journal=false",
    "fsync=true",
    "retryWrites=false&retryReads=false",
    "maxPoolSize=1",
    "maxPoolSize=1&waitQueueTimeoutMS=1&maxConnecting=1&maxIdleTimeMS=1",
    "timeoutMS=1",
    "socketTimeoutMS=1&connectTimeoutMS=1&serverSelectionTimeoutMS=1",
    "uuidRepresentation=pythonLegacy&tz_aware=false&unicode_decode_error_handler=ignore",
    "appName=shop&compressors=zlib&zlibCompressionLevel=9",
    "heartbeatFrequencyMS=500&serverMonitoringMode=poll&localThresholdMS=0",
]


def test_every_option_that_the_driver_knows_is_decided_about() -> None:
    enforced = {name.lower() for name in ENFORCED}
    assert not enforced & KEPT
    assert not enforced & OURS
    assert enforced | KEPT | OURS == set(URI_OPTIONS_VALIDATOR_MAP)


@pytest.mark.parametrize("options", HARMFUL)
def test_everything_that_sync_does_works_whatever_the_uri_says(atlas_server: Mongod, options: str) -> None:
    name = f"test_{uuid.uuid4().hex[:12]}"
    database = connect(
        f"mongodb://127.0.0.1:{atlas_server.port}/{name}?replicaSet={atlas_server.replica_set}&{options}",
        "test",
    )
    try:
        database.create_collection("shop")
        stream = ChangeStream.open(database, [], 10, None)
        errors: list[BaseException] = []
        both = threading.Barrier(8)

        def work(number: int) -> None:
            try:
                with transaction(database) as session:
                    database["shop"].insert_one({"_id": number}, session=session)
                    both.wait(20)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        waited = stream.fetch(20)  # longer than any time limit of the URI
        for thread in threads:
            thread.join()
        assert not errors
        assert database["shop"].count_documents({}) == 8
        came = len(waited.events)
        while came < 8:
            came += len(stream.fetch(100).events)
        stream.close()
        client = database.client
        assert client.read_preference == ReadPreference.PRIMARY
        assert client.read_concern.level == "majority"
        assert client.write_concern.document.items() >= {"w": "majority", "wtimeout": 0}.items()
        assert (client.codec_options.tz_aware, client.codec_options.unicode_decode_error_handler) == (
            True,
            "strict",
        )
        assert (client.options.retry_writes, client.options.pool_options.appname) == (True, "isthmus test")
    finally:
        database.client.drop_database(name)
        database.client.close()


@pytest.mark.parametrize(("given", "size"), [("1", LEAST_POOL), ("500", 500), ("0", 0), ("", 100)])
def test_a_pool_is_as_large_as_the_uri_says_but_not_smaller_than_sync_needs(given: str, size: int) -> None:
    options = f"?MAXPOOLSIZE={given}" if given else ""
    client: Any = connect(f"mongodb://127.0.0.1:1/shop{options}", "test").client
    assert client.options.pool_options.max_pool_size == size
    client.close()


def test_a_load_balancer_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigurationError, match=r"loadBalanced=true: .* replica set"):
        connect("mongodb://127.0.0.1:1/shop?loadBalanced=true", "test")
