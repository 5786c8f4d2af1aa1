package Property::Large;
sub run {}
1;
