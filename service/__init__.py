"""The web application: questions in, ranked answers out. The only package that imports Flask."""
