using System.Reflection;

using Hyperspan.Dumps;
using Hyperspan.Kvm;
using Hyperspan.Snapshots;
using Hyperspan.Testing;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

using Microsoft.Win32.SafeHandles;

namespace Hyperspan.Consumer.Tests;

/// <summary>
/// An argument that is refused is named as the method calls it that was called, not as another one that is called inside does: all that can be called with what can be made here is
/// called with one argument wrong at a time.
/// </summary>
public sealed class ParameterNameTests : IDisposable
{
    private static readonly Assembly[] Libraries =
        [typeof(GuestMemory).Assembly, typeof(VirtQueue).Assembly, typeof(VhostUserServer).Assembly, typeof(KvmPartition).Assembly, typeof(VhostUserFrontEnd).Assembly];

    // What waits for somebody else, or is not taken back.
    private static readonly string[] NotCalled = ["Run", "RunAsync", "Dispose", "DisposeAsync", "DisposeAndUnmap", "Finalize", "Wait", "WaitAsync", "Accept", "Connect"];

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("hs-");
    private readonly List<IDisposable> _made = [];

    public ParameterNameTests() => Skip.IfNot(OperatingSystem.IsLinux(), "needs Linux");

    public void Dispose()
    {
        foreach (IDisposable made in _made)
        {
            made.Dispose();
        }

        _folder.Delete(recursive: true);
    }

    [SkippableFact]
    public void What_is_refused_is_named_as_its_caller_calls_it()
    {
        List<string> wrong = [];
        int refused = 0;
        foreach (Type type in Libraries.SelectMany(library => library.GetExportedTypes()).Where(IsCalled))
        {
            IEnumerable<MethodBase> constructors = type.IsAbstract ? [] : type.GetConstructors();
            IEnumerable<MethodBase> methods = type
                .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly)
                .Where(method => !method.IsSpecialName && !method.ContainsGenericParameters && !IsOfTheStack(method.ReturnType))
                .Where(method => !NotCalled.Contains(method.Name, StringComparer.Ordinal));
            foreach (MethodBase method in constructors.Concat(methods))
            {
                ParameterInfo[] parameters = method.GetParameters();
                if (!Array.Exists(parameters, parameter => IsOfTheStack(parameter.ParameterType)))
                {
                    refused += Call(method, parameters, wrong);
                }
            }
        }

        wrong.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ShouldBeEmpty();
        refused.ShouldBeGreaterThan(500);
    }

    private int Call(MethodBase method, ParameterInfo[] parameters, List<string> wrong)
    {
        int refused = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            foreach (object? value in WrongValues(parameters[i]))
            {
                object?[] arguments = [.. parameters.Select((parameter, at) => at == i ? value : RightValue(parameter.ParameterType))];
                object? target = method.IsStatic || method.IsConstructor ? null : RightValue(method.DeclaringType!);
                if (target is null && !method.IsStatic && !method.IsConstructor)
                {
                    return refused;
                }

                ArgumentException? refusal = Try(method, target, arguments);
                refused += refusal is null ? 0 : 1;
                if (refusal is not null && !Array.Exists(parameters, parameter => parameter.Name == refusal.ParamName))
                {
                    wrong.Add(
                        $"{method.DeclaringType!.Name}.{method.Name}({string.Join(", ", parameters.Select(parameter => parameter.Name))}): {refusal.ParamName}, "
                        + $"{parameters[i].Name} = {value ?? "null"}: {refusal.Message.Split('\n')[0]}");
                }
            }
        }

        return refused;
    }

    private ArgumentException? Try(MethodBase method, object? target, object?[] arguments)
    {
        try
        {
            object? result = method is ConstructorInfo constructor ? constructor.Invoke(arguments) : method.Invoke(target, arguments);
            if (result is Task task)
            {
                task.Wait(TimeSpan.FromSeconds(10));
            }

            if (result is IDisposable made && !_made.Contains(made))
            {
                made.Dispose();
            }

            return null;
        }
        catch (TargetInvocationException e)
        {
            return e.InnerException as ArgumentException;
        }
        catch (AggregateException e)
        {
            return e.InnerException as ArgumentException;
        }
    }

    private static bool IsCalled(Type type) => !type.ContainsGenericParameters && !type.IsByRefLike && !typeof(Delegate).IsAssignableFrom(type);

    private static bool IsOfTheStack(Type type) =>
        type.IsPointer || type.IsFunctionPointer || (type.IsByRef ? type.GetElementType()! : type) is { IsByRefLike: true } or { IsPointer: true };

    private IEnumerable<object?> WrongValues(ParameterInfo parameter)
    {
        Type type = parameter.ParameterType.IsByRef ? parameter.ParameterType.GetElementType()! : parameter.ParameterType;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
        {
            return [null, "", "a\0b", new string('n', 5000), "/none/none"];
        }

        if (type == typeof(ulong))
        {
            return [0UL, 1UL, 4097UL, ulong.MaxValue, 1UL << 63, 1UL << 20];
        }

        if (type == typeof(GuestAddress))
        {
            return [new GuestAddress(1), new GuestAddress(ulong.MaxValue), new GuestAddress(ulong.MaxValue - 4095)];
        }

        if (type == typeof(GuestRange))
        {
            return [default(GuestRange), new GuestRange(1, 1), new GuestRange(ulong.MaxValue - 4095, 4096)];
        }

        if (type.IsEnum)
        {
            return [Enum.ToObject(type, 77), Enum.ToObject(type, 0)];
        }

        if (type == typeof(TimeSpan))
        {
            return [TimeSpan.Zero, TimeSpan.FromSeconds(-5), TimeSpan.MaxValue];
        }

        if (type.IsPrimitive)
        {
            return type == typeof(bool) || type == typeof(nint) || type == typeof(nuint) || type == typeof(char) || type == typeof(double)
                ? []
                : [.. new[] { -1L, 0, 3, int.MaxValue }.Select(number => Convert.ChangeType(Clamp(number, type), type, provider: null))];
        }

        return type.IsValueType ? [Activator.CreateInstance(type)] : [null, .. WrongObjects(type)];
    }

    private static long Clamp(long number, Type type) => type == typeof(uint) ? Math.Max(number, 0)
        : type == typeof(ushort) ? Math.Clamp(number, 0, ushort.MaxValue)
        : type == typeof(byte) ? Math.Clamp(number, 0, byte.MaxValue)
        : type == typeof(short) ? Math.Clamp(number, short.MinValue, short.MaxValue)
        : type == typeof(sbyte) ? Math.Clamp(number, sbyte.MinValue, sbyte.MaxValue)
        : number;

    private IEnumerable<object?> WrongObjects(Type type)
    {
        if (type.IsAssignableFrom(typeof(string[])))
        {
            yield return new[] { "" };
            yield return new string?[] { null };
        }

        if (type == typeof(SnapshotSaveOptions))
        {
            var section = new SnapshotSection("a", Stream.Null);
            yield return new SnapshotSaveOptions { Sections = [section, section] };
            yield return new SnapshotSaveOptions { Sections = [null!] };
            yield return new SnapshotSaveOptions { Sections = [new SnapshotSection(new string('n', 5000), Stream.Null)] };
        }

        if (type == typeof(DumpOptions))
        {
            yield return new DumpOptions { Format = (DumpFormat)77 };
            yield return new DumpOptions { Processors = [null!] };
        }

        if (type == typeof(MachineOptions))
        {
            foreach (string name in (string[])["", "a\0b"])
            {
                yield return new MachineOptions { KernelPath = name };
                yield return new MachineOptions { KernelPath = MakeFile(), InitrdPath = name };
            }

            yield return new MachineOptions { KernelPath = MakeFile(), MemorySize = 1 };
            yield return new MachineOptions { KernelPath = MakeFile(), ProcessorCount = 0 };
            yield return new MachineOptions { KernelPath = MakeFile(), Devices = [null!] };
        }

        if (type == typeof(SharedBackingOptions))
        {
            yield return new SharedBackingOptions { Name = "a\0b" };
            yield return new SharedBackingOptions { Name = new string('n', 5000) };
            yield return new SharedBackingOptions { HugePages = (HugePageSize)77 };
        }

        if (type == typeof(VhostUserOptions))
        {
            yield return new VhostUserOptions { SocketMode = (UnixFileMode)0xffff };
        }
    }

    private string MakeFile(string name = "file")
    {
        string path = Path.Combine(_folder.FullName, name);
        if (!File.Exists(path))
        {
            File.WriteAllBytes(path, new byte[1 << 16]);
        }

        return path;
    }

    private object? RightValue(Type given)
    {
        Type type = given.IsByRef ? given.GetElementType()! : given;
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type switch
        {
            _ when type == typeof(string) => MakeFile("other"),
            _ when type == typeof(ulong) => 4096UL,
            _ when type == typeof(uint) => 1U,
            _ when type == typeof(int) => 1,
            _ when type == typeof(GuestAddress) => new GuestAddress(4096),
            _ when type == typeof(GuestRange) => new GuestRange(4096, 4096),
            _ when type == typeof(TimeSpan) => TimeSpan.FromSeconds(1),
            _ when type == typeof(CancellationToken) => CancellationToken.None,
            _ when type == typeof(byte[]) => new byte[16],
            _ when type == typeof(ulong[]) => new ulong[1],
            _ when type == typeof(HugePageSize) => HugePageSize.None,
            _ when type == typeof(FileAccess) => FileAccess.Read,
            _ when type.IsEnum => Enum.GetValues(type).GetValue(Math.Min(1, Enum.GetValues(type).Length - 1)),
            _ when type.IsValueType => Activator.CreateInstance(type),
            _ when type == typeof(object) => new object(),
            _ when type == typeof(Stream) => new MemoryStream(),
            _ when type == typeof(SafeFileHandle) => Keep(File.OpenHandle(MakeFile(), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite)),
            _ when type == typeof(GuestMemory) => Keep(GuestMemory.Allocate(1 << 16)),
            _ when type == typeof(GuestMemoryBacking) || type == typeof(HeapBacking) => new HeapBacking(1 << 16),
            _ when type == typeof(SharedBacking) => Keep(new SharedBacking(1 << 16)),
            _ when type == typeof(SparseBacking) => Keep(new SparseBacking(1 << 16)),
            _ when type == typeof(FileBacking) => Keep(new FileBacking(MakeFile())),
            _ when type == typeof(GuestMemorySnapshot) => Keep(MakeSnapshot()),
            _ when type == typeof(GuestMemoryDump) => Keep(GuestMemoryDump.Open(MakeFile())),
            _ when type == typeof(SnapshotSection) => new SnapshotSection("a", Stream.Null),
            _ when type.IsAbstract || typeof(Delegate).IsAssignableFrom(type) => null,
            _ when type.GetConstructor(Type.EmptyTypes) is not null => Made(Activator.CreateInstance(type)),
            _ when type.GetConstructor([typeof(GuestMemory)]) is not null => Made(Activator.CreateInstance(type, Keep(GuestMemory.Allocate(1 << 16)))),
            _ => null,
        };
    }

    private GuestMemorySnapshot MakeSnapshot()
    {
        string path = Path.Combine(_folder.FullName, "snapshot");
        if (!File.Exists(path))
        {
            using GuestMemory memory = GuestMemory.Allocate(1 << 16);
            GuestMemorySnapshot.Save(memory, path);
        }

        return GuestMemorySnapshot.Open(path);
    }

    private object? Made(object? value) => value is IDisposable disposable ? Keep(disposable) : value;

    private T Keep<T>(T value)
        where T : IDisposable
    {
        _made.Add(value);
        return value;
    }
}
