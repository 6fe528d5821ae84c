"""Public model files answered by Dynare and by `emulator.worlds.dynare`, side by side."""
