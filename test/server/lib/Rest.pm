# Requests to people_counter_rest as PostgREST makes them, without it.
package Rest;

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();
use PeopleCounter;

our @EXPORT = qw(request answer make_key);

# request(node, database, who, statement, read => 1): in a transaction of its own, as PostgREST has it. (status, answer, error)
sub request {
    my ($where, $database, $who, $statement, %options) = @_;
    my $headers = { 'x-session-id' => $options{session} // door(1) };
    $headers->{'x-api-key'} = $who if $who =~ /^pck_/;
    my $role = $who =~ /^pck_/ ? 'anonymous' : $who;
    $headers = JSON::PP->new->canonical->encode($headers);
    my ($out, $err) = ('', '');
    my $status = $where->psql($database, <<"SQL", stdout => \$out, stderr => \$err, on_error_stop => 1);
\\set VERBOSITY verbose
\\o /dev/null
SET SESSION AUTHORIZATION people_counter_authenticator;
BEGIN @{[ $options{read} ? 'READ ONLY' : '' ]};
SELECT set_config('search_path', 'people_counter_api, public', true), set_config('role', 'people_counter_$role', true),
    set_config('request.headers', '$headers', true), set_config('request.jwt.claims', '{"role": "people_counter_$role"}', true);
SELECT people_counter_rest.pre_request();
\\o
$statement;
COMMIT;
SQL
    return ($status, $out, $err);
}

sub answer {
    my ($status, $out, $err) = request(@_);
    die "$err\n" if $status;
    return $out;
}

sub make_key {
    my ($where, $database, $role, $device) = @_;
    $device = $device ? "'$device'" : 'NULL';
    return JSON::PP::decode_json(answer($where, $database, 'admin', "SELECT create_api_key('a key', '$role', $device)"));
}

1;
