using System.Buffers.Binary;

namespace Hyperspan.Dumps;

/// <summary>The headers of LiME, version 1: magic, version, first address, last address, eight reserved bytes; little-endian.</summary>
internal static class LimeFormat
{
    internal const uint Magic = 0x4c694d45;
    internal const uint Version = 1;
    internal const int HeaderLength = 32;

    internal static void WriteHeader(Span<byte> header, ulong first, ulong last)
    {
        header[..HeaderLength].Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(header, Magic);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], first);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], last);
    }
}
