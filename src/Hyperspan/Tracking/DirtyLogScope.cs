namespace Hyperspan;

/// <summary>Whose writes a <see cref="DirtyLog"/> knows of.</summary>
public enum DirtyLogScope
{
    /// <summary>What is done through a <see cref="GuestMemory"/> in this process, by any of its operations.</summary>
    Operations,

    /// <summary>
    /// Besides, whatever is written through the mapping in this process: by bare pointers and spans, by native code, by the kernel for system calls. The kernel keeps the
    /// record (userfaultfd(2) with asynchronous write protection, and <c>PAGEMAP_SCAN</c>: Linux 6.7), and a page's first write in a period costs a fault, about a microsecond.
    /// On Windows it is the record of write watch, which memory of <see cref="SparseBacking"/> has.
    /// </summary>
    Mapping,
}
