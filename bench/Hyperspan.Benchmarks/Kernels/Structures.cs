using System.Runtime.InteropServices;

namespace Hyperspan.Benchmarks.Kernels;

/// <summary>Structures of several sizes; of 16 bytes there is one for each kind of memory, so that each has a loop of its own.</summary>
public static class Structures
{
    public interface IStructure<TSelf>
        where TSelf : unmanaged, IStructure<TSelf>
    {
        ulong Sum { get; }

        static abstract TSelf Make(ulong value);
    }

    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Of16(ulong first, ulong second) : IStructure<Of16>
    {
        private readonly ulong _first = first;
        private readonly ulong _second = second;

        public ulong Sum => _first + _second;

        public static Of16 Make(ulong value) => new(value, value);
    }

    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Of16Guarded(ulong first, ulong second) : IStructure<Of16Guarded>
    {
        private readonly ulong _first = first;
        private readonly ulong _second = second;

        public ulong Sum => _first + _second;

        public static Of16Guarded Make(ulong value) => new(value, value);
    }

    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Of16Restricted(ulong first, ulong second) : IStructure<Of16Restricted>
    {
        private readonly ulong _first = first;
        private readonly ulong _second = second;

        public ulong Sum => _first + _second;

        public static Of16Restricted Make(ulong value) => new(value, value);
    }

    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Of32(ulong value) : IStructure<Of32>
    {
        private readonly Of16 _first = new(value, value);
        private readonly Of16 _second = new(value, value);

        public ulong Sum => _first.Sum + _second.Sum;

        public static Of32 Make(ulong value) => new(value);
    }

    [StructLayout(LayoutKind.Sequential)]
    public readonly struct Of64(ulong value) : IStructure<Of64>
    {
        private readonly Of32 _first = new(value);
        private readonly Of32 _second = new(value);

        public ulong Sum => _first.Sum + _second.Sum;

        public static Of64 Make(ulong value) => new(value);
    }
}
