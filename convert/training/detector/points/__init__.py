"""Training of a model that finds points: the class of each cell of one grid."""
