"""How things look: tables, the live view, JSON."""
