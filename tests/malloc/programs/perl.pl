# Hashes, sorts, regular expressions, closures, strings that grow, cycles and weak references, fork.
use strict;
use warnings;
use Scalar::Util qw(weaken);

my $x = 1;
sub rnd { $x = ($x * 69069 + 12345) % 4294967296; return $x % $_[0] }

sub digest {
    my $sum = 0;
    $sum = ($sum * 31 + unpack('%32C*', $_) + length) % 4294967296 for @_;
    return $sum;
}

my %count;
$count{ 'k' . rnd(20000) } .= chr(97 + $_ % 26) for 1 .. 200000;
print 'hash ', scalar(keys %count), ' ', digest(map {"$_=$count{$_}"} sort keys %count), "\n";
delete $count{$_} for grep { length $count{$_} < 10 } keys %count;
print 'left ', scalar(keys %count), "\n";

my @people = map { { name => 'n' . rnd(5000), age => rnd(90), tags => [ map { rnd(9) } 1 .. rnd(6) ] } } 1 .. 30000;
my @sorted = sort { $a->{age} <=> $b->{age} || $a->{name} cmp $b->{name} || @{ $a->{tags} } <=> @{ $b->{tags} } } @people;
print 'sort ', digest(map {"$_->{age}$_->{name}" . @{ $_->{tags} }} @sorted), "\n";

my $text = join ' ', map { join '', map { chr(97 + rnd(26)) } 1 .. 1 + rnd(9) } 1 .. 40000;
my $vowels = () = $text =~ /\b[aeiou]\w*/g;
(my $swapped = $text) =~ s/(\w)(\w+)/\U$2\E$1/g;
my %pairs;
$pairs{$1}++ while $text =~ /(?=(\w\w))/g;
my ($longest) = sort { length $b <=> length $a || $a cmp $b } split / /, $text;
print "regex $vowels ", digest($swapped), ' ', scalar(keys %pairs), " $longest\n";

my @adders = map { my $n = $_; sub { $n += shift; $n } } 1 .. 20000;
$adders[ rnd(20000) ]->( rnd(100) ) for 1 .. 100000;
print 'closures ', digest(map { $_->(0) } @adders), "\n";

my $grown = '';
$grown .= "$_," for 1 .. 200000;
substr($grown, rnd(length $grown), 3, 'x' x 500) for 1 .. 200;
print 'string ', length $grown, ' ', digest($grown), "\n";

for my $n (1 .. 20000) {
    my $parent = { n => $n };
    my $child = { parent => $parent };
    $parent->{child} = $child;
    weaken($child->{parent});
}

$| = 1;
my $pid = fork // die;
if (!$pid) {
    my @copy = map { {%$_} } @sorted;
    print 'child ', scalar(@copy), "\n";
    exit 0;
}
waitpid $pid, 0;
print "done $?\n";
