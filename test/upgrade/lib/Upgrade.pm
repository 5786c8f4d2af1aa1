# What the tests of upgrades share: which versions were released, what a database has of the extensions, and its rows.
package Upgrade;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(basename);
use PeopleCounter;
use Rest;
use Test::More;

our @EXPORT = qw(released present create_version fill_old update_both catalog every_row tables_of same_lines);

# Released versions but the present one, oldest first.
sub released {
    my $present = present();
    my @versions = grep { $_ ne $present } map { basename($_) =~ /^people_counter--([\d.]+)\.sql$/ ? $1 : () } glob "$SOURCE/sql/history/*";
    return sort { version->parse("v$a") <=> version->parse("v$b") } @versions;
}

# What the sources are of.
sub present {
    open my $file, '<', "$SOURCE/extension/people_counter.control" or die "people_counter.control: $!";
    my ($version) = map {/^default_version = '([\d.]+)'/} <$file>;
    return $version;
}

# create_version(node, database, version, schema => S, owner => O, rest => 1): a database with that version; people_counter is
# created by O, which owns the database.
sub create_version {
    my ($node, $database, $version, %options) = @_;
    create_database($node, $database, extension => 0, owner => $options{owner});
    my $become = $options{owner} ? "SET SESSION AUTHORIZATION $options{owner};" : '';
    my $schema = $options{schema};
    $node->safe_psql($database, $become . ($schema ? qq[CREATE SCHEMA "$schema"; CREATE EXTENSION people_counter SCHEMA "$schema" VERSION '$version']
        : "CREATE EXTENSION people_counter VERSION '$version'"));
    $node->safe_psql($database, "CREATE EXTENSION people_counter_rest VERSION '$version'") if $options{rest};
    return;
}

# Rows in every table that people can fill, also by the API: (a key of a device, the id of its session).
sub fill_old {
    my ($node, $database) = @_;
    fill_sample($node, $database);
    my $key = make_key($node, $database, 'device', 'north');
    my $revoked = make_key($node, $database, 'reader');
    answer($node, $database, 'admin', "SELECT revoke_api_key('$revoked->{id}')");
    my $id = door(1);
    answer($node, $database, $key->{api_key}, qq[SELECT create_session('{"id": "$id", "session_name": "north", "start_time": "2024-03-09T08:00Z"}')]);
    answer($node, $database, $key->{api_key}, q[SELECT record_movements('[{"person_id": 1, "movement_direction": "in"}, {"person_id": 2, "movement_direction": "in"}]')]);
    return ($key->{api_key}, $id);
}

# update_both(node, database, role): as whoever may; empty, or what went wrong.
sub update_both {
    my ($node, $database, $role) = @_;
    my $become = $role ? "SET SESSION AUTHORIZATION $role;" : '';
    my $error = sql_error($node, $database, "$become ALTER EXTENSION people_counter UPDATE");
    my $rest = $node->safe_psql($database, q{SELECT count(*) FROM pg_extension WHERE extname = 'people_counter_rest'});
    $error .= sql_error($node, $database, 'ALTER EXTENSION people_counter_rest UPDATE') if $rest;
    return $error;
}

# same_lines(got, expected, name): like is(), but tells the lines that differ.
sub same_lines {
    my ($got, $expected, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return 1 if ok($got eq $expected && $got ne '', $name);
    my %got = map { $_ => 1 } split /\n/, $got;
    my %expected = map { $_ => 1 } split /\n/, $expected;
    my @missing = grep { !$got{$_} } sort keys %expected;
    my @added = grep { !$expected{$_} } sort keys %got;
    diag('only in a fresh one: ', substr $_, 0, 1500) for splice @missing, 0, 10;
    diag('not in a fresh one: ', substr $_, 0, 1500) for splice @added, 0, 10;
    return 0;
}

# Everything that the catalogs say of the extensions: one line for each property of each object. Names are qualified, and the
# order in which objects were made does not show; the number of a column does, for rows are read by it.
my $catalog = <<'SQL';
SET search_path = pg_catalog, pg_temp;
CREATE FUNCTION pg_temp.acl(acl aclitem[]) RETURNS text LANGUAGE sql
    AS $$ SELECT coalesce(string_agg(a::text, ' ' ORDER BY a::text), 'none') FROM unnest(acl) a $$;
CREATE FUNCTION pg_temp.options(options text[]) RETURNS text LANGUAGE sql AS $$ SELECT string_agg(o, ' ' ORDER BY o) FROM unnest(options) o
    WHERE o NOT LIKE 'pg\_attver=%'  -- a counter that some servers keep there, another one in each database
$$;
CREATE FUNCTION pg_temp.name(class oid, object oid, sub int DEFAULT 0) RETURNS text LANGUAGE sql
    AS $$ SELECT i.type || ' ' || i.identity FROM pg_identify_object(class, object, sub) i $$;
CREATE TEMP TABLE members AS
    SELECT e.extname, d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
     WHERE d.deptype = 'e' AND e.extname LIKE 'people\_counter%';
CREATE TEMP TABLE lines (line text);

INSERT INTO lines SELECT format('extension %s: version %s, owner %s, schema %s', extname, extversion, extowner::regrole, extnamespace::regnamespace)
  FROM pg_extension WHERE extname LIKE 'people\_counter%';
INSERT INTO lines SELECT format('extension %s dumps %s %s', extname, c.t::regclass, c.condition)
  FROM pg_extension, unnest(extconfig, extcondition) AS c(t, condition) WHERE extname LIKE 'people\_counter%';
INSERT INTO lines SELECT format('extension %s has %s, described as %s', extname, pg_temp.name(classid, objid),
                                CASE classid WHEN 'pg_authid'::regclass THEN NULL ELSE obj_description(objid, classid::regclass::text) END) FROM members;
INSERT INTO lines SELECT format('first privileges of %s: %s %s', pg_temp.name(classoid, objoid, objsubid), privtype, pg_temp.acl(initprivs))
  FROM pg_init_privs JOIN members ON classid = classoid AND objid = objoid;

INSERT INTO lines SELECT format('%s: kind %s, persistence %s, owner %s, privileges %s, options %s, toast %s, row security %s, identity %s, view %s',
       c.oid::regclass, relkind, relpersistence, relowner::regrole, pg_temp.acl(coalesce(relacl, acldefault('r', relowner))), pg_temp.options(reloptions),
       (SELECT pg_temp.options(t.reloptions) FROM pg_class t WHERE t.oid = c.reltoastrelid), relrowsecurity, relreplident,
       CASE relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END)
  FROM pg_class c JOIN members ON classid = 'pg_class'::regclass AND objid = c.oid;
INSERT INTO lines SELECT format('%s column %s %s: %s, not null %s, default %s, identity "%s", generated "%s", storage %s %s, target %s, %s, options %s, privileges %s, described as %s',
       attrelid::regclass, attnum, attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), attidentity, attgenerated,
       attstorage, attcompression, attstattarget, nullif(attcollation, 0)::regcollation, pg_temp.options(attoptions), pg_temp.acl(attacl), col_description(attrelid, attnum))
  FROM pg_attribute JOIN members ON classid = 'pg_class'::regclass AND objid = attrelid LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE attnum > 0 AND NOT attisdropped;
INSERT INTO lines SELECT format('constraint %s of %s: %s, valid %s, described as %s', conname,
       CASE conrelid WHEN 0 THEN contypid::regtype::text ELSE conrelid::regclass::text END, pg_get_constraintdef(o.oid), convalidated, obj_description(o.oid, 'pg_constraint'))
  FROM pg_constraint o JOIN members ON (classid = 'pg_class'::regclass AND objid = conrelid) OR (classid = 'pg_type'::regclass AND objid = contypid);
INSERT INTO lines SELECT format('index %s, valid %s, cluster %s, identity %s, options %s, described as %s', pg_get_indexdef(indexrelid), indisvalid, indisclustered,
       indisreplident, pg_temp.options(reloptions), obj_description(indexrelid, 'pg_class'))
  FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN members ON classid = 'pg_class'::regclass AND objid = indrelid;
INSERT INTO lines SELECT format('%s, enabled %s, described as %s', pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger'))
  FROM pg_trigger t JOIN members ON classid = 'pg_class'::regclass AND objid = tgrelid WHERE NOT tgisinternal;
INSERT INTO lines SELECT format('rule %s, enabled %s', pg_get_ruledef(r.oid), ev_enabled)
  FROM pg_rewrite r JOIN members ON classid = 'pg_class'::regclass AND objid = ev_class WHERE rulename <> '_RETURN';
INSERT INTO lines SELECT format('policy %s of %s', polname, polrelid::regclass) FROM pg_policy JOIN members ON classid = 'pg_class'::regclass AND objid = polrelid;
INSERT INTO lines SELECT format('statistics %s', pg_get_statisticsobjdef(s.oid))
  FROM pg_statistic_ext s JOIN members ON classid = 'pg_class'::regclass AND objid = stxrelid;

INSERT INTO lines SELECT format('function %s: owner %s, privileges %s, %s', p.oid::regprocedure, proowner::regrole, pg_temp.acl(coalesce(proacl, acldefault('f', proowner))), regexp_replace(
       CASE prokind WHEN 'a' THEN (SELECT (to_jsonb(a) - 'aggfnoid')::text FROM pg_aggregate a WHERE a.aggfnoid = p.oid) || to_jsonb(p.proparallel)::text
                    ELSE pg_get_functiondef(p.oid) END, '\n', '\\n', 'g'))
  FROM pg_proc p JOIN members ON classid = 'pg_proc'::regclass AND objid = p.oid;
INSERT INTO lines SELECT format('type %s: kind %s, owner %s, privileges %s, labels %s, base %s, not null %s, default %s', t.oid::regtype, typtype, typowner::regrole,
       pg_temp.acl(coalesce(typacl, acldefault('T', typowner))), (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
       format_type(nullif(typbasetype, 0), typtypmod), typnotnull, typdefault)
  FROM pg_type t JOIN members ON classid = 'pg_type'::regclass AND objid = t.oid;
INSERT INTO lines SELECT format('schema %s: owner %s, privileges %s', nspname, nspowner::regrole, pg_temp.acl(coalesce(nspacl, acldefault('n', nspowner))))
  FROM pg_namespace n JOIN members ON classid = 'pg_namespace'::regclass AND objid = n.oid;
SELECT 'nothing here compares objects of ' || classid::regclass FROM members
 WHERE classid NOT IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass);
SELECT regexp_replace(line, '\n', '\\n', 'g') FROM lines ORDER BY 1;
SQL

sub catalog {
    my ($node, $database) = @_;
    my $lines = $node->safe_psql($database, $catalog);
    die "$1\n" if $lines =~ /^(nothing here compares .*)$/m;
    return $lines;
}

# The tables of the extensions with their columns: { table => [column, ...] }.
sub tables_of {
    my ($node, $database) = @_;
    my %tables;
    for (split /\n/, $node->safe_psql($database, <<'SQL')) {
SET search_path = pg_catalog;
SELECT c.oid::regclass, attname FROM pg_class c JOIN pg_attribute ON attrelid = c.oid JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
  JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
 WHERE relkind = 'r' AND attnum > 0 AND NOT attisdropped AND deptype = 'e' AND extname LIKE 'people\_counter%' ORDER BY 1, attnum;
SQL
        my ($table, $column) = split /\|/;
        push @{ $tables{$table} }, $column;
    }
    return \%tables;
}

# every_row(node, database, tables, in_place => 1): every row of these tables, with these columns only. In another database it
# is not compared when a shipped row was made, nor what is not dumped; in_place, no shipped row that nobody has touched is.
sub every_row {
    my ($node, $database, $tables, %options) = @_;
    my $statements = "SET timezone = 'UTC';\n";
    for my $table (sort keys %$tables) {
        my ($name) = $table =~ /(\w+)$/;
        next if !$options{in_place} && $name =~ /^alert_(states|progress)$/;
        my @columns = grep { $options{in_place} || $_ ne 'fold_state' } @{ $tables->{$table} };
        my $row = 'jsonb_build_object(' . join(', ', map {qq['$_', "$_"]} @columns) . ')';
        my $where = '';
        if ($name =~ /^(system_config|alert_thresholds)$/) {
            $where = "WHERE origin <> 'shipped'" if $options{in_place};
            $row .= q{ - CASE origin WHEN 'shipped' THEN '{created_at,updated_at}'::text[] ELSE '{}' END};
        }
        $statements .= "SELECT '$name', $row FROM $table AS t $where ORDER BY 2;\n";
    }
    return $node->safe_psql($database, $statements);
}

1;
