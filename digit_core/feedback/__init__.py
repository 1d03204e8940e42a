"""People's corrections of readings, stored in a database, and training data made from them."""
