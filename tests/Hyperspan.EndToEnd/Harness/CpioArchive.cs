using System.Globalization;
using System.Text;

namespace Hyperspan.EndToEnd.Harness;

/// <summary>
/// Writes a cpio archive in the "newc" form, which the Linux kernel unpacks as its first file system
/// (Documentation/driver-api/early-userspace/buffer-format.rst). Archives can be put one after the other.
/// </summary>
internal sealed class CpioArchive
{
    private const int TypeDirectory = 0x4000;
    private const int TypeCharacterDevice = 0x2000;
    private const int TypeRegular = 0x8000;
    private const int TypeLink = 0xa000;

    private readonly MemoryStream _stream = new();
    private readonly HashSet<string> _paths = new(StringComparer.Ordinal);
    private int _inode;

    /// <summary>Adds a directory and those above it, once.</summary>
    internal void AddDirectory(string path)
    {
        path = path.Trim('/');
        if (path.Length == 0 || _paths.Contains(path))
        {
            return;
        }

        AddDirectory(Parent(path));
        Add(path, TypeDirectory | 0x1ed, []);
    }

    /// <summary>Adds an executable file; a path that is already there keeps its first content.</summary>
    internal void AddFile(string path, ReadOnlySpan<byte> content)
    {
        AddDirectory(Parent(path));
        Add(path, TypeRegular | 0x1ed, content);
    }

    internal void AddFile(string path, string content) => AddFile(path, Encoding.UTF8.GetBytes(content));

    internal void AddLink(string path, string target)
    {
        AddDirectory(Parent(path));
        Add(path, TypeLink | 0x1ff, Encoding.UTF8.GetBytes(target));
    }

    internal void AddCharacterDevice(string path, int major, int minor)
    {
        AddDirectory(Parent(path));
        Add(path, TypeCharacterDevice | 0x180, [], major, minor);
    }

    /// <summary>Ends the archive; padded so that another may follow.</summary>
    internal byte[] ToArray()
    {
        Header("TRAILER!!!", 0, 0, 0, 0);
        Pad(512);
        return _stream.ToArray();
    }

    private void Add(string path, int mode, ReadOnlySpan<byte> content, int major = 0, int minor = 0)
    {
        path = path.Trim('/');
        if (!_paths.Add(path))
        {
            return;
        }

        Header(path, mode, content.Length, major, minor);
        _stream.Write(content);
        Pad(4);
    }

    private void Header(string path, int mode, int length, int major, int minor)
    {
        byte[] name = Encoding.UTF8.GetBytes(path);
        int links = (mode & 0xf000) == TypeDirectory ? 2 : 1;

        // Inode, mode, owner, group, links, time, length, device (2), device described (2), name length, unused check.
        int[] fields = [++_inode, mode, 0, 0, links, 0, length, 0, 0, major, minor, name.Length + 1, 0];
        var header = new StringBuilder("070701");
        foreach (int field in fields)
        {
            header.Append(field.ToString("X8", CultureInfo.InvariantCulture));
        }

        _stream.Write(Encoding.ASCII.GetBytes(header.ToString()));
        _stream.Write(name);
        _stream.WriteByte(0);
        Pad(4);
    }

    private void Pad(int alignment)
    {
        while (_stream.Length % alignment != 0)
        {
            _stream.WriteByte(0);
        }
    }

    private static string Parent(string path)
    {
        int slash = path.TrimEnd('/').LastIndexOf('/');
        return slash <= 0 ? string.Empty : path[..slash];
    }
}
