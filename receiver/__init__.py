"""Parameters become pictures: WHIP in, WHEP out, and the page that plays them."""
