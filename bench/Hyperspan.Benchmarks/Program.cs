using BenchmarkDotNet.Running;
using Hyperspan.Benchmarks.Keep;
using Hyperspan.Benchmarks.Quick;

// "quick" is the runner of our own, which compares with raw accesses and with the aims; everything else is BenchmarkDotNet's.
if (args is ["quick", ..])
{
    return QuickCommand.Run(args.AsSpan(1));
}

// "keep" measures snapshots, each figure beside what cannot be undercut.
if (args is ["keep", ..])
{
    return KeepCommand.Run(args.AsSpan(1));
}

BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
return 0;
