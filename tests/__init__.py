"""What is promised, as sentences; found before a dependency that installs a package of this name."""
