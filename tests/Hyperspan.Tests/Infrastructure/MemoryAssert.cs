namespace Hyperspan.Tests;

/// <summary>Short forms that tests of memory share.</summary>
internal static class MemoryAssert
{
    internal static byte[] Read(this GuestMemory memory, ulong address, int length)
    {
        var bytes = new byte[length];
        memory.Read(address, bytes);
        return bytes;
    }

    internal static GuestMemoryFault ReadBytesFault(this GuestMemory memory, ulong address, int length)
    {
        memory.TryRead(address, new byte[length], out GuestMemoryFault fault).ShouldBeFalse();
        return fault;
    }

    internal static byte[] Pattern(int length, int seed = 1)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    internal static void ShouldBeFault(this GuestMemoryFault fault, GuestMemoryFaultKind kind, ulong? address)
    {
        fault.IsFault.ShouldBeTrue();
        fault.Kind.ShouldBe(kind, fault.ToString());
        (fault.Address?.Value).ShouldBe(address, fault.ToString());
    }
}
