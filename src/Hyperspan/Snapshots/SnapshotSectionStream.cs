namespace Hyperspan.Snapshots;

/// <summary>A section of a snapshot as a stream, which checks it when it has been read to its end.</summary>
internal sealed class SnapshotSectionStream(SnapshotFile file, SnapshotSectionInfo section) : Stream
{
    private ulong _position;
    private uint _checksum = uint.MaxValue;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int length = (int)Math.Min((ulong)buffer.Length, section.Length - _position);
        if (length > 0)
        {
            file.ReadAt(section.FileOffset + _position, buffer[..length]);
            _checksum = SnapshotFormat.Checksum(_checksum, buffer[..length]);
            _position += (ulong)length;
        }

        if (_position == section.Length && ~_checksum != section.Checksum)
        {
            throw file.Damaged($"the checksum of the section '{section.Name}' does not agree");
        }

        return length;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
