"""Responses of one world as an ONNX file, for programs that have neither torch nor this package."""

from emulator.inference.onnx.export import Export, export_onnx

__all__ = ["Export", "export_onnx"]
