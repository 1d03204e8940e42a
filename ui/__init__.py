"""Everything that imports streamlit, except the entry and the pages themselves."""
