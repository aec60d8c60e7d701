"""A second model that looks at what the first one found: which bird, whose cat."""
