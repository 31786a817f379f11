# SPDX-License-Identifier: MIT
# Reads file names, ended by NUL, of the path that is being built ($out) and makes links, #! lines
# and, where $patch is set, ELF files refer to it and to the paths it depends on ($depends).
use strict;

my $out = $ENV{out};
my @stores = ($out, split ' ', $ENV{depends});

# The file of a path that stands for a file of the machine, if there is one.
sub owner {
	(my $file = $_[0]) =~ s{^/usr(?=/)}{};
	for my $store (@stores) {
		return "$store$file" if lstat "$store$file";
	}
	return;
}

sub relink {
	my ($link) = @_;
	my $target = readlink $link;
	if ($target !~ m{^/}) {
		return if stat $link;
		# relative, and to a file of another package
		(my $dir = $link) =~ s{/[^/]*$}{};
		$target = substr("$dir/$target", length $out);
		1 while $target =~ s{/[^/]+/\.\.(?=/)}{} || $target =~ s{/\.(?=/)}{};
	}
	my $to = owner($target);
	return if !defined $to || $to eq $link;
	unlink($link) && symlink($to, $link) or die "cannot relink '$link': $!\n";
}

sub reinterpret {
	my ($file, $line) = @_;
	my ($program, $rest) = $line =~ m{^#!\s*(/\S+)(.*)\n} or return;
	($program, $rest) = ("/bin/$1", '') if $program =~ m{/env$} && $rest =~ m{^ (\w\S*)$};
	my $to = owner($program);
	return if !defined $to;
	open my $f, '+<', $file or die "cannot open '$file': $!\n";
	my $text = do { local $/; <$f> };
	substr($text, 0, length $line) = "#!$to$rest\n";
	seek $f, 0, 0;
	print $f $text;
	close $f or die "cannot write '$file': $!\n";
}

sub slice {
	my ($f, $from, $length) = @_;
	sysseek $f, $from, 0;
	sysread $f, my $bytes, $length;
	return $bytes // '';
}

# The interpreter a program names, '' for a library, undef for what is not linked dynamically.
sub interpreter {
	my ($f, $head) = @_;
	my ($class, $order) = unpack 'x4 C C', $head;
	return if $class != 2 || $order != 1;    # only 64 bits, little-endian
	my ($offset, $size, $count) = unpack 'x32 Q< x14 S< S<', $head;
	my ($found, $dynamic);
	for my $i (0 .. $count - 1) {
		my ($type, $from, $length) = unpack 'L< x4 Q< x16 Q<', slice($f, $offset + $i * $size, $size);
		$dynamic = 1 if $type == 2;
		$found = unpack 'Z*', slice($f, $from, $length) if $type == 3;
	}
	return $found // ($dynamic ? '' : undef);
}

my (@libraries, %programs);
$/ = "\0";
while (my $name = <STDIN>) {
	chomp $name;
	if (-l $name) {
		relink($name);
		next;
	}
	open my $f, '<', $name or die "cannot open '$name': $!\n";
	my $head = slice($f, 0, 512);
	if ($head =~ /^(#!.*\n)/) {
		reinterpret($name, $1) if -x $name;
	} elsif ($ENV{patch} && $head =~ /^\x7fELF/) {
		my $elf = interpreter($f, $head) // next;
		if ($elf eq '') { push @libraries, $name }
		else { push @{ $programs{$elf} }, $name }
	}
}

# The C library's own files find each other without help, and its loader must stay as it is.
exit if !$ENV{patch} || $ENV{package} eq 'libc6';
my $runpath = join ':', grep { -d } map { glob "$_/lib/*-linux-gnu* $_/lib" } @stores;

sub patchelf {
	my ($files, @options) = @_;
	while (my @some = splice @$files, 0, 500) {
		system('patchelf', @options, '--set-rpath', $runpath, @some) == 0
			or die "patchelf failed on one of @some\n";
	}
}

patchelf(\@libraries);
for my $interpreter (sort keys %programs) {
	my $to = owner($interpreter);
	patchelf($programs{$interpreter}, $to ? ('--set-interpreter', $to) : ());
}
