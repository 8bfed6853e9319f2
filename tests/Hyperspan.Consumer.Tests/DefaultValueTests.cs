using System.Reflection;
using Hyperspan.VhostUser;
using Hyperspan.Virtio;

namespace Hyperspan.Consumer.Tests;

/// <summary>Every public structure can be had without its constructor. Its members then work, or say what is missing: never a null where none is declared.</summary>
public sealed class DefaultValueTests
{
    private static readonly Assembly[] Libraries =
        [typeof(GuestMemory).Assembly, typeof(VirtQueue).Assembly, typeof(VhostUserServer).Assembly];

    public static TheoryData<Type> Structures()
    {
        var all = new TheoryData<Type>();
        foreach (Type type in Libraries.SelectMany(library => library.GetExportedTypes()))
        {
            // What lives on the stack alone cannot be made here; its tests are those of streaming.
            if (type is { IsValueType: true, IsEnum: false, IsByRefLike: false, ContainsGenericParameters: false })
            {
                all.Add(type);
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(Structures))]
    public void The_default_of_a_structure_survives_its_members(Type type)
    {
        object value = Activator.CreateInstance(type)!;
        var nullability = new NullabilityInfoContext();
        List<string> wrong = [];
        foreach (PropertyInfo property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetMethod is not { IsPublic: true } getter || property.GetIndexParameters().Length != 0 || IsOfTheStack(property.PropertyType))
            {
                continue;
            }

            object? got = Call(getter, value, [], wrong);
            bool declaredNotNull = !property.PropertyType.IsValueType && nullability.Create(property).ReadState == NullabilityState.NotNull;
            if (got is null && declaredNotNull && !wrong.Exists(text => text.StartsWith(getter.Name, StringComparison.Ordinal)))
            {
                wrong.Add($"{getter.Name}: null");
            }
        }

        foreach (MethodInfo method in type.GetMethods(BindingFlags.Public | BindingFlags.Instance))
        {
            if (!method.IsSpecialName
                && !method.ContainsGenericParameters
                && !IsOfTheStack(method.ReturnType)
                && Array.TrueForAll(method.GetParameters(), parameter => !IsOfTheStack(parameter.ParameterType)))
            {
                object? got = Call(method, value, [.. method.GetParameters().Select(DefaultArgument)], wrong);
                if (method.Name == nameof(ToString) && got is null)
                {
                    wrong.Add("ToString: null");
                }
            }
        }

        value.Equals(Activator.CreateInstance(type)).ShouldBeTrue();
        wrong.ShouldBeEmpty();
    }

    private static bool IsOfTheStack(Type type) => type.IsPointer || (type.IsByRef ? type.GetElementType()! : type) is { IsByRefLike: true } or { IsPointer: true };

    private static object? DefaultArgument(ParameterInfo parameter)
    {
        Type type = parameter.ParameterType.IsByRef ? parameter.ParameterType.GetElementType()! : parameter.ParameterType;
        return type.IsValueType ? Activator.CreateInstance(type) : null;
    }

    private static object? Call(MethodInfo method, object value, object?[] arguments, List<string> wrong)
    {
        try
        {
            return method.Invoke(value, arguments);
        }
        catch (TargetInvocationException e)
        {
            // Something that is missing is said so: an argument, a state.
            if (e.InnerException is not (ArgumentException or InvalidOperationException or FormatException or GuestMemoryException))
            {
                wrong.Add($"{method.Name}: {e.InnerException!.GetType().Name}: {e.InnerException.Message}");
            }

            return null;
        }
    }
}
