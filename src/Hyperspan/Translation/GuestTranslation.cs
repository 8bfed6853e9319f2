using System.Globalization;

namespace Hyperspan.Translation;

/// <summary>Where a guest-virtual address is in guest-physical memory, and what may be done there.</summary>
public readonly record struct GuestTranslation
{
    /// <summary>Initializes a new instance of the <see cref="GuestTranslation"/> struct.</summary>
    /// <param name="address">The guest-physical address.</param>
    /// <param name="pageSize">The size in bytes of the page it is in.</param>
    /// <param name="kernel">What the guest's kernel may do: all levels joined.</param>
    /// <param name="user">What a program may do; nothing, where the page is the kernel's.</param>
    /// <param name="level">The level of the entry that maps the page: 1 for the smallest pages.</param>
    /// <param name="entryAddress">The guest-physical address of that entry.</param>
    /// <param name="entry">What that entry holds.</param>
    public GuestTranslation(GuestAddress address, ulong pageSize, Protection kernel, Protection user, int level, GuestAddress entryAddress, ulong entry)
    {
        Address = address;
        PageSize = pageSize;
        Kernel = kernel;
        User = user;
        Level = level;
        EntryAddress = entryAddress;
        Entry = entry;
    }

    /// <summary>Gets the guest-physical address.</summary>
    public GuestAddress Address { get; internal init; }

    /// <summary>Gets the size in bytes of the page it is in.</summary>
    public ulong PageSize { get; }

    /// <summary>Gets what the guest's kernel may do: all levels joined.</summary>
    public Protection Kernel { get; }

    /// <summary>Gets what a program may do; nothing, where the page is the kernel's.</summary>
    public Protection User { get; }

    /// <summary>Gets the level of the entry that maps the page: 1 for the smallest pages.</summary>
    public int Level { get; }

    /// <summary>Gets the guest-physical address of that entry.</summary>
    public GuestAddress EntryAddress { get; }

    /// <summary>Gets what that entry holds.</summary>
    public ulong Entry { get; }

    /// <summary>Says where, and what may be done: <c>0x1234 in a page of 0x1000 bytes, kernel rw-, user ---</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"0x{Address.Value:x} in a page of 0x{PageSize:x} bytes, kernel {Kernel}, user {User}");

    internal bool Permits(VirtualAccess access)
    {
        Protection allowed = (access & VirtualAccess.User) != 0 ? User : Kernel;
        return ((access & VirtualAccess.Read) == 0 || allowed.CanRead)
            && ((access & VirtualAccess.Write) == 0 || allowed.CanWrite)
            && ((access & VirtualAccess.Execute) == 0 || allowed.CanExecute);
    }
}
