"""Where markets come from: one module per vendor or exchange format, and the table that names them.

To add a vendor, write `<vendor>.py` here (or a folder `<vendor>/` whose `source.py` holds the source, where the format
takes more than one file) with a frozen dataclass that derives from `engine.data.source.FileSource`, name it in the
table, and add `configs/market/<vendor>.yaml` with its settings. `us_chains` is an example with vendor volatilities,
`nse` one with prices to invert.
"""

SOURCES = {
    "synthetic": "engine.data.sources.synthetic:Synthetic",
    "files": "engine.data.sources.files:Files",
    "panel": "engine.data.sources.panel:StoredPanel",
    "us_chains": "engine.data.sources.us_chains.source:UsChains",
    "nse": "engine.data.sources.nse.source:Nse",
}
