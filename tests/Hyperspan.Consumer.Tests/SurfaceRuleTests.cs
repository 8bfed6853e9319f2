using System.Diagnostics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Hyperspan.Streaming;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Consumer.Tests;

/// <summary>The rules that hold for every public type, and, listed by name, what does not keep to them yet. The lists are exact: what is mended leaves them.</summary>
public partial class SurfaceRuleTests
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    // They answer, or change a map.
    private static readonly string[] NeverFail =
    [
        "DeviceAddressSpace.AddHandler(range, handler, name)",
        "DeviceAddressSpace.AddHandler(range, read, write, name)",
        "DeviceAddressSpace.AddMemory(address, memory, part)",
        "DeviceAddressSpace.AddMemory(address, memory, part, writable)",
        "DeviceAddressSpace.RegisterDoorbell(address, value, length, doorbell)",
        "GuestMemory.Contains(address)",
        "GuestMemory.Contains(address, length)",
        "GuestMemory.Contains(range)",
        "GuestMemory.Dump(address, length, writer)",
        "GuestMemory.Dump(range, writer)",
        "GuestMemory.FindRegion(address)", // TryFindRegion fails for one reason: there is none.
        "GuestMemory.GetIova(address)",
        "GuestMemory.ReadAvailable(address, destination)",
        "GuestMemory.ReadAvailable(address, destination, fault)",
    ];

    private static IEnumerable<Type> PublicTypes =>
        ((Assembly[])[typeof(GuestMemory).Assembly, typeof(VirtQueue).Assembly, typeof(VhostUserServer).Assembly, typeof(VhostUserFrontEnd).Assembly])
        .SelectMany(a => a.GetExportedTypes());

    [Fact]
    public void Every_form_that_gives_a_fault_has_one_that_throws()
    {
        string[] without =
        [
            .. from type in PublicTypes
               from method in type.GetMethods(Declared)
               where method.Name.StartsWith("Try", StringComparison.Ordinal) && GivesFault(method)
               where !type.GetMethods(Declared).Any(other => other.Name == method.Name[3..] && TakesTheSame(other, method))
               select Describe(method),
        ];
        without.ShouldBeEmpty();
    }

    [Fact]
    public void Every_operation_on_a_place_in_memory_has_a_form_that_gives_a_fault()
    {
        string[] without =
        [
            .. from type in (Type[])[typeof(GuestMemory), typeof(Devices.DeviceAddressSpace), typeof(GuestIoVectors)]
               from method in type.GetMethods(Declared)
               where !method.IsSpecialName && !method.Name.StartsWith("Try", StringComparison.Ordinal)
               where method.GetParameters().Any(p => IsPlace(p.ParameterType))
               where !type.GetMethods(Declared).Any(other => other.Name == "Try" + method.Name && GivesFault(other) && TakesTheSame(method, other))
               select Describe(method),
        ];
        without.Except(NeverFail, StringComparer.Ordinal).ShouldBeEmpty();
    }

    [Fact]
    public void What_takes_an_address_and_a_length_takes_a_range()
    {
        string[] without =
        [
            .. from type in (Type[])[typeof(GuestMemory), typeof(GuestIoVectors)]
               from method in type.GetMethods(Declared)
               where method.GetParameters().Zip(method.GetParameters().Skip(1)).Any(IsAddressAndLength)
               where !type.GetMethods(Declared).Any(other => other.Name == method.Name && other.GetParameters().Any(p => p.ParameterType == typeof(GuestRange)))
               select method.Name,
        ];
        without.ShouldBeEmpty();

        static bool IsAddressAndLength((ParameterInfo Address, ParameterInfo Length) pair) =>
            pair.Address.ParameterType == typeof(GuestAddress) && pair.Length.ParameterType == typeof(ulong) && pair.Length.Name == "length";
    }

    [Fact]
    public void No_bool_is_optional()
    {
        string[] optional =
        [
            .. from type in PublicTypes
               from method in type.GetMethods(Declared).Cast<MethodBase>().Concat(type.GetConstructors(Declared))
               from parameter in method.GetParameters()
               where parameter.IsOptional && parameter.ParameterType == typeof(bool)
               select $"{type.Name}.{method.Name}({parameter.Name})",
        ];
        optional.ShouldBeEmpty();
    }

    /// <summary>A positional record could get no other property: its constructor and what it is taken apart into are one.</summary>
    [Fact]
    public void No_type_is_a_positional_record()
    {
        PublicTypes.Where(static type => type.GetMethods().Any(static method => method.Name == "Deconstruct" && method.IsDefined(typeof(CompilerGeneratedAttribute))))
            .Select(static type => type.Name).ShouldBeEmpty();
    }

    [Fact]
    public void The_zero_of_an_enum_is_none_or_harmless()
    {
        string[] other =
        [
            .. from type in PublicTypes
               where type.IsEnum
               let zero = Enum.GetName(type, Enum.ToObject(type, 0))
               where zero != "None"
               select $"{type.Name}.{zero}",
        ];
        other.Order(StringComparer.Ordinal).ShouldBe(
        [
            "AccessType.Read",
            "BlockRequestType.Read",
            "BlockStatus.Ok",
            "DirtyLogScope.Operations",
            "DiskCache.Writeback",
            "DiskEngine.IoUring",
            "DiskErrorPolicy.Report",
            "DiskImageError.Other",
            "DumpFormat.Raw",
            "FaultBehavior.MayFault",
            "HugePageAdvice.Default",
            "HyperspanAbility.HeapMemory",
            "ImageLocking.Always",
            "VhostUserEventKind.Listening",
        ]);
    }

    [Fact]
    public void Every_type_that_has_a_value_to_show_shows_it()
    {
        string[] silent =
        [
            .. from type in PublicTypes
               where !type.Name.EndsWith("JsonConverter", StringComparison.Ordinal)
               where !type.IsEnum && !type.IsInterface && !(type.IsAbstract && type.IsSealed) && !typeof(Delegate).IsAssignableFrom(type) && !type.IsByRefLike
               where type.GetMethod("ToString", Type.EmptyTypes)!.DeclaringType!.Assembly == typeof(object).Assembly
               where !typeof(Exception).IsAssignableFrom(type) && !type.GetCustomAttributes<DebuggerDisplayAttribute>().Any()
               select type.Name,
        ];
        silent.Order(StringComparer.Ordinal).ShouldBe([]);
    }

    [Fact]
    public void What_a_debugger_shows_is_there()
    {
        string[] missing =
        [
            .. from type in PublicTypes
               let display = type.GetCustomAttribute<DebuggerDisplayAttribute>(inherit: false)
               where display is not null
               from Match match in Expression.Matches(display.Value!)
               let name = match.Groups[1].Value
               where type.GetMember(name, Declared | BindingFlags.NonPublic).Length == 0
               select $"{type.Name}.{name}",
        ];
        missing.ShouldBe([]);
    }

    [Fact]
    public void After_Dispose_accesses_fault_and_all_else_throws()
    {
        GuestMemory memory = GuestMemory.Allocate(1 << 16);
        GuestMemory view = memory.Slice(0x1000, 0x1000);
        var vectors = new GuestIoVectors(AccessType.Read);
        vectors.Add(memory, 0, 8);
        PinnedMemory locked = memory.Pin(0, 8, AccessType.Read);
        var stream = new GuestMemoryStream(memory, new GuestRange(0, 64));
        stream.Dispose();
        vectors.Dispose();
        locked.Dispose();
        memory.Dispose();
        foreach (GuestMemory closed in (GuestMemory[])[memory, view])
        {
            Faults(() => closed.Read<int>(0));
            Faults(() => closed.Write(0, 1));
            Faults(() => closed.ReadArray<int>(0, 2));
            Faults(() => closed.ReadString(0, 2));
            Faults(() => closed.WriteString(0, "ab"));
            Faults(() => closed.SequenceEqual(0, "ab"u8));
            Faults(() => closed.Exchange(0, 1));
            Faults(() => closed.Fill(0, 1, 8));
            Faults(() => closed.CopyTo(0, closed, 8, 8));
            Faults(() => closed.IndexOf(0, 8, [1]));
            Faults(() => closed.Probe(0, 8, AccessType.Read));
            Faults(() => closed.Pin(0, 8, AccessType.Read));
            Faults(() => closed.Slice(0, 8));
            closed.Contains(0, 8).ShouldBeFalse();
            closed.Contains(0).ShouldBeFalse();
            closed.TryFindRegion(0, out _).ShouldBeFalse();
            Should.Throw<GuestMemoryException>(() => closed.FindRegion(0)).Kind.ShouldBe(GuestMemoryFaultKind.Disposed);
            closed.ReadAvailable(0, new byte[8]).ShouldBe(0);
            closed.ToString().ShouldEndWith("disposed");
        }

        Should.Throw<ObjectDisposedException>(() => vectors.Add(memory, 0, 8));
        Should.Throw<ObjectDisposedException>(() => locked.Vectors.Length);
        Should.Throw<ObjectDisposedException>(() => stream.ReadByte());
        Should.Throw<ObjectDisposedException>(() => memory.GetShareableRegions());
        Should.Throw<ObjectDisposedException>(() => new GuestMemory(DisposedBacking(), "again"));

        static void Faults(Action access) => Should.Throw<GuestMemoryException>(access).Kind.ShouldBe(GuestMemoryFaultKind.Disposed);

        static HeapBacking DisposedBacking()
        {
            var backing = new HeapBacking(4096);
            backing.Dispose();
            return backing;
        }
    }

    private static bool IsPlace(Type type)
    {
        type = type.IsByRef ? type.GetElementType()! : type;
        return type == typeof(GuestAddress) || type == typeof(GuestRange) || type == typeof(PagedRange);
    }

    private static bool GivesFault(MethodInfo method) =>
        method.ReturnType == typeof(Task<FileTransfer>) || method.ReturnType == typeof(FileTransfer)
        || method.GetParameters().Any(p => p.IsOut && p.ParameterType.GetElementType() is { } type && (type == typeof(GuestMemoryFault) || type == typeof(FileTransfer)));

    /// <summary>Whether the Try form takes what the throwing form takes, in that order, but for what may be left out in either.</summary>
    private static bool TakesTheSame(MethodInfo throwing, MethodInfo trying)
    {
        string[] wanted = Names(throwing);
        string[] taken = Names(trying);
        return wanted.SequenceEqual(taken, StringComparer.Ordinal)
            || (throwing.GetParameters().Any(p => p.IsOptional) && taken.Take(wanted.Length).SequenceEqual(wanted, StringComparer.Ordinal));
    }

    private static string[] Names(MethodInfo method) =>
        [.. method.GetParameters().Where(p => !p.IsOut && !p.IsOptional).Select(p => p.ParameterType.Name)];

    [GeneratedRegex(@"\{(\w+)")]
    private static partial Regex Expression { get; }

    private static string Describe(MethodInfo method) =>
        $"{method.DeclaringType!.Name}.{method.Name}({string.Join(", ", method.GetParameters().Select(p => p.Name))})";
}
