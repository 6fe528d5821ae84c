"""The explorer in headless Chromium: how fast it redraws, random input for minutes, pictures."""
