"""The models CityEye ships with: cards, weights, and how they are found, checked and run."""
