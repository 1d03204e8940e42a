"""Why a network answered so: which ink speaks for which digit."""
