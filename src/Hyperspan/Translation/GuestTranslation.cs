using System.Globalization;

namespace Hyperspan.Translation;

/// <summary>Where a guest-virtual address is in guest-physical memory, and what may be done there.</summary>
/// <param name="Address">The guest-physical address.</param>
/// <param name="PageSize">The size in bytes of the page it is in.</param>
/// <param name="Kernel">What the guest's kernel may do: all levels joined.</param>
/// <param name="User">What a program may do; nothing, where the page is the kernel's.</param>
/// <param name="Level">The level of the entry that maps the page: 1 for the smallest pages.</param>
/// <param name="EntryAddress">The guest-physical address of that entry.</param>
/// <param name="Entry">What that entry holds.</param>
public readonly record struct GuestTranslation(
    GuestAddress Address, ulong PageSize, Protection Kernel, Protection User, int Level, GuestAddress EntryAddress, ulong Entry)
{
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
