"""Parameter estimation problems in the format PEtab, versions 1 and 2: tables of measurements, conditions and observables."""

__all__: list[str] = []
