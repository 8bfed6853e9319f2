using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Hyperspan;

/// <summary>The check behind <see cref="PlainType{T}"/>.</summary>
internal static class PlainType
{
    private const BindingFlags InstanceFields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    [DoesNotReturn]
    internal static void Throw(Type type, string objection) =>
        throw new NotSupportedException($"{type} cannot be read from or written to guest memory: {objection}");

    /// <summary>Returns why a type is refused, or null.</summary>
    internal static string? Check(Type type) => Check(type, "");

    private static string? Check(Type type, string path)
    {
        string where = path.Length == 0 ? "it" : $"its field '{path}'";
        if (type == typeof(bool))
        {
            return $"{where} is a bool, and not every byte is a valid one; use a byte";
        }

        if (type.IsPointer || type.IsFunctionPointer)
        {
            return $"{where} is a pointer, which means nothing in the guest";
        }

        if (type.IsPrimitive || type.IsEnum)
        {
            return null;
        }

        if (type.IsAutoLayout)
        {
            return $"{where} is of a type with automatic layout ({type}), whose bytes have no defined order";
        }

        FieldInfo[] fields = Fields(type);
        if (fields.Length == 0)
        {
            return SizeOf(type) > 1 ? null : $"{where} is an empty struct, a byte that is all padding";
        }

        var covered = new bool[SizeOf(type)];
        int next = 0;
        bool isExplicit = type.IsExplicitLayout;
        int pack = type.StructLayoutAttribute is { Pack: > 0 } layout ? layout.Pack : int.MaxValue;
        foreach (FieldInfo field in fields)
        {
            string name = path.Length == 0 ? field.Name : $"{path}.{field.Name}";
            (Type element, int size) = Shape(type, field);
            if (Check(element, name) is { } objection)
            {
                return objection;
            }

            int alignment = Math.Min(pack, AlignmentOf(element));
            int offset = isExplicit && field.GetCustomAttribute<FieldOffsetAttribute>() is { } at
                ? at.Value
                : (next + alignment - 1) / alignment * alignment;
            if (!isExplicit && offset > next)
            {
                return $"there are {offset - next} bytes of padding before the field '{name}'";
            }

            covered.AsSpan(offset, Math.Min(size, covered.Length - offset)).Fill(true);
            next = offset + size;
        }

        int gap = Array.IndexOf(covered, value: false);
        return gap < 0 ? null : $"there is padding at byte {gap}, after the field '{(path.Length == 0 ? "" : path + ".")}{fields[^1].Name}'";
    }

    /// <summary>The element type of a field and the bytes it takes, where inline arrays and fixed buffers repeat one element.</summary>
    private static (Type Element, int Size) Shape(Type owner, FieldInfo field)
    {
        if (field.GetCustomAttribute<FixedBufferAttribute>() is { } buffer)
        {
            return (buffer.ElementType, SizeOf(field.FieldType));
        }

        return owner.GetCustomAttribute<InlineArrayAttribute>() is null
            ? (field.FieldType, SizeOf(field.FieldType))
            : (field.FieldType, SizeOf(owner));
    }

    private static int AlignmentOf(Type type)
    {
        if (type.IsPrimitive || type.IsEnum || type.IsPointer || type.IsFunctionPointer)
        {
            return SizeOf(type);
        }

        // 128-bit integers are aligned to 16 bytes by the runtime, which their fields do not show.
        if (type == typeof(Int128) || type == typeof(UInt128))
        {
            return 16;
        }

        int pack = type.StructLayoutAttribute is { Pack: > 0 } layout ? layout.Pack : int.MaxValue;
        int alignment = 1;
        foreach (FieldInfo field in Fields(type))
        {
            alignment = Math.Max(alignment, AlignmentOf(Shape(type, field).Element));
        }

        return Math.Min(alignment, pack);
    }

    private static int SizeOf(Type type) => RuntimeHelpers.SizeOf(type.TypeHandle);

    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "A struct whose field metadata was trimmed away is taken at its word; see PlainType<T>.")]
    private static FieldInfo[] Fields(Type type) => type.GetFields(InstanceFields);
}
