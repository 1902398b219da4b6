//! Placeholder head; the owner of this room writes it.
