namespace Hyperspan.TestHost.Model;

/// <summary>What can stand behind a region of the model's memories: each reaches a path of its own.</summary>
public enum BackingKind
{
    Heap,
    Shared,
    Sparse,
    Blocking,
    File,
    FileReadOnly,
    Foreign,

    /// <summary>No mapping: fallback methods alone.</summary>
    Device,

    /// <summary>The same without compare-exchange.</summary>
    DeviceWithoutCompareExchange,

    /// <summary>Pages appear when they are touched; the last refuses, the one before is read-only zeros.</summary>
    OnTouch,

    /// <summary>Every other page is mapped; the handler sends accesses to the others to the fallback methods.</summary>
    FallbackOnFault,

    /// <summary>Heap under access bitmaps.</summary>
    RestrictedHeap,

    /// <summary>A sparse mapping under access bitmaps.</summary>
    RestrictedSparse,
}
