"""Option quotes to surfaces: filters, forwards, volatilities, smiles, constant maturities, strips."""
