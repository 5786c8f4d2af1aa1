package Property::Order;
sub run {}
1;
