namespace Hyperspan;

/// <summary>Whether memory is to be read or written.</summary>
public enum AccessType : byte
{
    /// <summary>The memory is read.</summary>
    Read = 0,

    /// <summary>The memory is written, or read and written.</summary>
    Write = 1,
}
