//! Names, files and lines for addresses.
