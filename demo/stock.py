"""The warehouse's books: a small SQLite database with things, shelves and customers in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

MOST_ROWS = 50  # of one answer

_SCHEMA = """
create table products (sku text primary key, name text not null, unit_price_cents integer not null);
create table stock (sku text not null references products, shelf text not null, on_hand integer not null,
                    reorder_at integer not null, primary key (sku, shelf));
create table customers (id integer primary key, name text not null, city text not null, email text not null,
                        since text not null);
create table orders (id integer primary key, customer integer not null references customers, sku text not null
                     references products, quantity integer not null, placed text not null, status text not null);
"""
_PRODUCTS = [
    ("BLT-M8-40", "Hex bolt M8x40, zinc, box of 100", 1490),
    ("NUT-M8", "Hex nut M8, zinc, box of 100", 690),
    ("WSH-M8", "Washer M8, box of 200", 540),
    ("ANC-10-80", "Anchor bolt 10x80, box of 50", 3250),
    ("PLY-18", "Birch plywood 18 mm, 2.5x1.25 m", 7990),
    ("SAW-190", "Circular saw blade 190 mm, 48 teeth", 3490),
]
_STOCK = [
    ("BLT-M8-40", "A-03", 412, 120),
    ("NUT-M8", "A-04", 96, 120),
    ("WSH-M8", "A-04", 633, 150),
    ("ANC-10-80", "B-11", 17, 40),
    ("PLY-18", "Y-02", 58, 20),
    ("SAW-190", "C-07", 9, 12),
]
_CUSTOMERS = [
    (1001, "Halvorsen Bygg AS", "Bergen", "orders@halvorsen.example", "2019-03-04"),
    (1002, "Carpintería Robles", "Valencia", "pedidos@robles.example", "2020-11-19"),
    (1003, "Okafor & Daughters", "Leeds", "yard@okafor.example", "2021-06-30"),
    (1004, "Schreinerei Lindner", "Graz", "buero@lindner.example", "2023-01-12"),
]
_ORDERS = [
    (5301, 1003, "ANC-10-80", 12, "2026-11-20", "open"),
    (5302, 1001, "PLY-18", 30, "2026-11-20", "open"),
    (5303, 1004, "SAW-190", 4, "2026-11-21", "packed"),
    (5304, 1003, "NUT-M8", 40, "2026-11-21", "open"),
]


def fill(path: Path) -> None:
    """Write the books as they are this evening."""
    with closing(sqlite3.connect(path)) as books, books:
        books.executescript(_SCHEMA)
        books.executemany("insert into products values (?, ?, ?)", _PRODUCTS)
        books.executemany("insert into stock values (?, ?, ?, ?)", _STOCK)
        books.executemany("insert into customers values (?, ?, ?, ?, ?)", _CUSTOMERS)
        books.executemany("insert into orders values (?, ?, ?, ?, ?, ?)", _ORDERS)


def run(path: Path, sql: str, *values: object) -> str:
    """Run one statement; return its rows as a table in text, or how many rows it changed."""
    with closing(sqlite3.connect(path)) as books, books:
        found = books.execute(sql, values)
        if found.description is None:
            return f"{max(found.rowcount, 0)} row{'s' * (found.rowcount != 1)} changed"
        names = [column[0] for column in found.description]
        rows = found.fetchmany(MOST_ROWS + 1)
    table = _table([names, *([str(value) for value in row] for row in rows[:MOST_ROWS])])
    return table + (f"\n(more than {MOST_ROWS} rows)" if len(rows) > MOST_ROWS else "")


def _table(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
