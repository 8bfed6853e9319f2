using System.Reflection;
using System.Reflection.Emit;

namespace Hyperspan.Tests.Infrastructure;

/// <summary>
/// The methods that a method calls, in the order of its compiled code. For fences, which no test on one thread can observe, and one on two threads only now and then:
/// at least they are there, and between what they are to keep apart.
/// </summary>
internal static class CallOrder
{
    private static readonly Dictionary<short, OpCode> OpCodesByValue = typeof(OpCodes)
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!)
        .ToDictionary(code => code.Value);

    /// <summary>The names of the called methods, one for each call.</summary>
    internal static List<string> Of(Type type, string method)
    {
        MethodInfo info = type.GetMethod(method, BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
            ?? throw new InvalidOperationException($"There is no {type.Name}.{method}.");
        byte[] code = info.GetMethodBody()!.GetILAsByteArray()!;
        var calls = new List<string>();
        for (int at = 0; at < code.Length;)
        {
            short value = code[at++];
            if (value == 0xfe)
            {
                value = unchecked((short)(0xfe00 | code[at++]));
            }

            OpCode opCode = OpCodesByValue[value];
            if (opCode.OperandType == OperandType.InlineMethod)
            {
                calls.Add(info.Module.ResolveMethod(BitConverter.ToInt32(code, at), type.GetGenericArguments(), info.GetGenericArguments())!.Name);
            }

            at += opCode.OperandType switch
            {
                OperandType.InlineNone => 0,
                OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
                OperandType.InlineVar => 2,
                OperandType.InlineI8 or OperandType.InlineR => 8,
                OperandType.InlineSwitch => 4 + (4 * BitConverter.ToInt32(code, at)),
                _ => 4,
            };
        }

        return calls;
    }

    /// <summary>Fails unless there is a full fence after each call of what comes before, and ahead of each call of what comes after.</summary>
    internal static void ShouldBeFenced(Type type, string method, string[] before, string[] after)
    {
        List<string> calls = Of(type, method);
        string text = string.Join(", ", calls);
        int fence = calls.IndexOf(nameof(Interlocked.MemoryBarrier));
        fence.ShouldBeGreaterThanOrEqualTo(0, text);
        foreach (string name in before)
        {
            calls.IndexOf(name).ShouldBeInRange(0, fence - 1, $"{name} in {text}");
            calls.LastIndexOf(name).ShouldBeLessThan(fence, $"{name} in {text}");
        }

        foreach (string name in after)
        {
            calls.IndexOf(name).ShouldBeGreaterThan(fence, $"{name} in {text}");
        }
    }
}
