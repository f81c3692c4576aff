"""One-way peers that the product is measured beside, in the same run and on the same servers."""
