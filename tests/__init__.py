"""Tests of the package. Importing them first of all has shapes checked; see shapes.py."""

from tests.shapes import install

install()
