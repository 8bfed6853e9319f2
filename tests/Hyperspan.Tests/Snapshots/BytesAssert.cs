namespace Hyperspan.Tests.Snapshots;

/// <summary>Compares many bytes, and says where they first differ.</summary>
internal static class BytesAssert
{
    public static void ShouldEqual(this byte[] actual, byte[] expected)
    {
        actual.Length.ShouldBe(expected.Length);
        int same = actual.AsSpan().CommonPrefixLength(expected);
        if (same != expected.Length)
        {
            throw new ShouldAssertException($"byte 0x{same:x} of 0x{expected.Length:x} is 0x{actual[same]:x2}, not 0x{expected[same]:x2}");
        }
    }
}
