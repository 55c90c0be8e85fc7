"""The network with the batch as last axis and numbers of any precision: for everything that needs no rigour."""

from ivan.bounds.columns.maps import ColumnMap, Columns, column_map, columns_of, product
from ivan.bounds.columns.model import Model, evaluated

__all__ = ["ColumnMap", "Columns", "Model", "column_map", "columns_of", "evaluated", "product"]
