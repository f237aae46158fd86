"""The storm: real processes under load, broken on a schedule; afterwards every entry is accounted for."""
