package Property::Concurrency;
sub run {}
1;
