"""The whole chain on a small drawn picture set: draw, train, convert, score, film, run the loop. Offline."""
