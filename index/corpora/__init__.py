"""A release of CORD-19 is fetched, checked and read to `Document`s; `squad` reads questions."""
