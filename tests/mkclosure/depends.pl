# SPDX-License-Identifier: MIT
# Reads what dpkg-query says of the installed packages and writes, as JSON, the packages named and
# all they depend on: a package after its dependencies, a dependency that would close a cycle left out.
use strict;

my (%package, %provider);
while (<STDIN>) {
	chomp;
	my ($name, $arch, $version, $depends, $provides, $status) = split /\t/, $_, -1;
	next if $status ne 'installed' || exists $package{$name};
	$package{$name} = { arch => $arch, version => $version, depends => $depends };
	push @{ $provider{$_} }, $name for map { first_word($_) } split /,/, $provides;
}

sub first_word { return $_[0] =~ /^\s*([a-z0-9][a-z0-9.+-]*)/ ? $1 : () }

# The installed package that meets "a (>= 1) | b".
sub resolve {
	for my $name (map { first_word($_) } split /\|/, $_[0]) {
		return $name if $package{$name};
		return $provider{$name}[0] if $provider{$name};
	}
	return ();
}

my (%state, @order);

sub visit {
	my ($name) = @_;
	my $p = $package{$name} or die "mkclosure: package '$name' is not installed\n";
	my %seen = ($name => 1);
	$state{$name} = 'open';
	# what everything needs comes first, and needs nothing itself
	my @depends = $name eq 'libc6' ? () : grep { !$seen{$_}++ } map { resolve($_) } split /,/, $p->{depends};
	$p->{out} = [];
	for (@depends) {
		visit($_) unless $state{$_};
		push @{ $p->{out} }, $_ if $state{$_} eq 'done';
	}
	$state{$name} = 'done';
	push @order, $name;
}

# NAME-VERSION with the characters that a store path may have
sub store_name {
	my ($name) = @_;
	(my $version = $package{$name}{version}) =~ s/^\d+:|-[^-]*$//g;
	(my $store = "$name-$version") =~ s/[^A-Za-z0-9+._=-]/_/g;
	return $store;
}

$state{$_} or visit($_) for @ARGV;
printf "[%s]\n", join ",\n ", map {
	sprintf '{"package":"%s","arch":"%s","name":"%s","depends":[%s]}', $_, $package{$_}{arch},
		store_name($_), join ',', map { "\"$_\"" } @{ $package{$_}{out} }
} @order;
